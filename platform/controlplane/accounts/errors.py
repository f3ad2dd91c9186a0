"""What people and their places can be refused for.

AccountsError
├── InvalidRoleError          no such role
├── AlreadyMemberError        a second place in the same tenant
├── MemberNotFoundError       no such member here
├── LastOwnerError            a tenant would have no owner
├── OtherHomeError            another tenant's provider vouches for the account
├── AccountClosedError        the account is closed
├── InvalidAccountError       an address or password cannot be used
├── SignUpClosedError         this installation takes people by invitation
├── InvalidIdentityError      a provider's answer cannot be an account
├── InvitationNotFoundError   unknown, used, expired or withdrawn: told apart by nobody
├── InvitationNotYoursError   it is for another address
├── SessionNotFoundError      no such session of this person
├── AuthenticatorNotFoundError  no such second factor of this person
├── ProofNeededError          who is signed in has to show again who they are
├── WrongCodeError            a second factor that does not match
└── PasskeyError              a passkey that cannot be added or does not match
"""

from __future__ import annotations

from tenants.roles import ROLES


class AccountsError(Exception):
    """Base. `code` is for programs, `hint` says what to do."""

    code = "invalid_account"
    hint = ""


class InvalidRoleError(AccountsError, ValueError):
    code = "invalid_role"
    hint = f"Roles: {', '.join(ROLES)}."

    def __init__(self, role: str) -> None:
        super().__init__(f"There is no role {role[:60]!r}. {self.hint}")


class AlreadyMemberError(AccountsError):
    code = "already_member"
    hint = "Change the member's role instead."

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is a member already; change their role instead.")


class MemberNotFoundError(AccountsError, LookupError):
    code = "member_not_found"
    hint = "List what exists: GET …/members."

    def __init__(self, membership_id: str) -> None:
        super().__init__(f"This tenant has no member {membership_id[:60]!r}.")


class LastOwnerError(AccountsError):
    code = "last_owner"
    hint = "Make someone else an owner first."

    def __init__(self) -> None:
        super().__init__("A tenant keeps at least one owner. Make someone else an owner first.")


class OtherHomeError(AccountsError):
    code = "other_home"
    hint = "Use an account with a password, or one of this tenant's own provider."

    def __init__(self) -> None:
        super().__init__("An identity provider of another tenant vouches for this account, so it cannot belong here.")


class AccountClosedError(AccountsError):
    code = "account_closed"

    def __init__(self) -> None:
        super().__init__("This account is closed. Ask whoever runs this installation.")


class InvalidAccountError(AccountsError, ValueError):
    """The message says what is wrong, for people."""


class SignUpClosedError(AccountsError):
    code = "sign_up_closed"
    hint = "Ask an owner or admin of a tenant for an invitation."

    def __init__(self) -> None:
        super().__init__("This installation takes people by invitation.")


class InvalidIdentityError(AccountsError, ValueError):
    code = "invalid_identity"


class InvitationNotFoundError(AccountsError, LookupError):
    code = "invitation_not_found"
    hint = "Ask for a new one."

    def __init__(self) -> None:
        super().__init__("This invitation does not exist, was used, was withdrawn or is too old.")


class InvitationNotYoursError(AccountsError):
    code = "invitation_not_yours"
    hint = "Sign in with the address that it was sent to."

    def __init__(self) -> None:
        super().__init__("This invitation is for another address. Sign in with the one that it was sent to.")


class SessionNotFoundError(AccountsError, LookupError):
    code = "session_not_found"

    def __init__(self, session_id: str) -> None:
        super().__init__(f"You have no session {session_id[:60]!r}; it may be over already.")


class AuthenticatorNotFoundError(AccountsError, LookupError):
    code = "authenticator_not_found"

    def __init__(self, authenticator_id: str) -> None:
        super().__init__(f"You have no second factor {authenticator_id[:60]!r}.")


class ProofNeededError(AccountsError):
    code = "proof_needed"
    hint = "Open /confirm/ in the same browser, or send an API key."

    def __init__(self) -> None:
        super().__init__("For this you have to show again who you are: you signed in more than ten minutes ago.")


class WrongCodeError(AccountsError):
    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__("The code does not match, or was used already. Wait for the next one.")


class PasskeyError(AccountsError):
    code = "passkey_refused"

    def __init__(self) -> None:
        super().__init__("The passkey was not accepted. Try again, or use another way.")
