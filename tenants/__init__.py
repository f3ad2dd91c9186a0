"""The tenancy kernel: who a tenant is, who calls, and the walls between tenants.

Importing this package imports no Django; `tenants.models` does.
"""
