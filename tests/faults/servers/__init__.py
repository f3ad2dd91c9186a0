"""What tenants would deploy. Nothing here is imported by a test."""
