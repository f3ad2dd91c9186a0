"""The control plane: everything people and operators touch."""
