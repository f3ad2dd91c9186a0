// Passkeys: fetch the question, let the browser ask its authenticator, send the answer back.
"use strict";

const NOT_CHOSEN = "No passkey was chosen. Try again, or use another way.";

async function ask(address, token, body) {
  const answer = await fetch(address, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "Content-Type": "application/json", "X-CSRFToken": token },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

async function make(form, address, token) {
  const asked = await ask(address, token);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked);
  const made = await navigator.credentials.create({ publicKey });
  const name = encodeURIComponent(form.elements.name.value);
  const told = await ask(`${address}?name=${name}`, token, made.toJSON());
  if (told.codes.length === 0) {
    location.assign(told.next);
    return;
  }
  const section = document.querySelector(".codes");
  section.querySelector("pre").textContent = told.codes.join("\n");
  section.hidden = false;
  section.scrollIntoView();
}

async function show(address, token) {
  const asked = await ask(address, token);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
  const shown = await navigator.credentials.get({ publicKey });
  location.assign((await ask(address, token, shown.toJSON())).next);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const problem = form.querySelector("[role=alert]");
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) {
    form.hidden = true;
    continue;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    const address = form.dataset.passkey;
    const token = form.elements.csrfmiddlewaretoken.value;
    try {
      await ("new" in form.dataset ? make(form, address, token) : show(address, token));
    } catch (error) {
      problem.textContent = error.name === "NotAllowedError" ? NOT_CHOSEN : error.message;
      problem.hidden = false;
    }
  });
}
