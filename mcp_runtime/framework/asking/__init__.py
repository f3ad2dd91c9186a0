"""Questions a server puts to the client while it answers: elicitation and sampling."""
