"""Rows with a sealed value, and the change of the data key under all of them.

with acting_for(tenant_id):
    rotate_data_key()        # a fresh key seals from now on, and everything sealed before is sealed anew
"""

from __future__ import annotations

from django.apps import apps
from django.db import models

from tenants import datakeys, envelope
from tenants.envelope import Place
from tenants.models import TenantModel


class SealedRow(TenantModel):
    """Base of every table with a sealed value: it is one column, which opens in its own row only."""

    sealed = models.BinaryField()

    class Meta:
        abstract = True

    def place(self) -> Place:
        """Where the value lives. What else a row must not be moved to or renamed to is part of it."""
        return Place(self.tenant_id, self._meta.db_table, "sealed", str(self.pk))

    def seal(self, plaintext: bytes) -> None:
        """Not saved yet."""
        self.sealed = datakeys.seal(plaintext, self.place())

    def unseal(self) -> bytes:
        """Raises NotOpenedError."""
        return datakeys.unseal(bytes(self.sealed), self.place())


def rotate_data_key() -> int:
    """A new data key for the current tenant; how many values were sealed anew.

    What opens at the moment goes on opening: the keys before it stay, for values that are being written under them
    right now and for restored backups. Running it again leaves nothing under any but the newest.
    """
    datakeys.add_data_key()
    return seal_anew()


def seal_anew() -> int:
    """Seal what is not under the newest data key of the current tenant; how many values that were."""
    newest, count = datakeys.newest_id(), 0
    for model in sealed_models():
        for row in model.objects.select_for_update().order_by("pk").iterator(chunk_size=100):
            if envelope.key_id(bytes(row.sealed)) != newest:
                row.seal(row.unseal())
                row.save()
                count += 1
    return count


def sealed_models() -> list[type[SealedRow]]:
    return [model for model in apps.get_models() if issubclass(model, SealedRow)]
