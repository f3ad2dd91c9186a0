"""The fields people fill in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password

from controlplane.accounts.models import User

_NEW = {"autocomplete": "new-password"}


class NewPersonForm(forms.Form):
    """A name, an address and a password: whoever comes for the first time."""

    name = forms.CharField(label="Your name", max_length=150, required=False)
    email = forms.EmailField(label="E-mail address", max_length=254)
    password = forms.CharField(label="Password", strip=False, max_length=1024)

    def __init__(self, *args: Any, email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        self.fields["email"].widget.attrs["autocomplete"] = "username"
        self.fields["password"].widget = forms.PasswordInput(attrs=_NEW)
        self.fields["password"].help_text = " ".join(password_validators_help_texts())
        if email:
            self.fields["email"].initial = email
            self.fields["email"].disabled = True

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("password"):
            person = User(email=values.get("email", ""), name=values.get("name", ""))
            try:
                validate_password(values["password"], person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return values


class FirstOwnerForm(NewPersonForm):
    slug = forms.SlugField(
        label="Short name of your organisation",
        max_length=50,
        help_text="It stands in addresses and never changes: lower-case letters, digits and hyphens.",
    )

    def __init__(self, *args: Any, needs_tenant: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not needs_tenant:
            del self.fields["slug"]


class EmailForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].widget.attrs["autocomplete"] = "email"


class CodeForm(forms.Form):
    code = forms.CharField(label="Code", max_length=40)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {
            "autocomplete": "one-time-code",
            "autocapitalize": "none",
            "spellcheck": "false",
        }
