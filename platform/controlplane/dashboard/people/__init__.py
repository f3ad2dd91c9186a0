"""Pages about people: coming in for the first time, signing in, one's account, a tenant's members, the installation."""
