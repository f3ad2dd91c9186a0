"""Programs that act for themselves belong to one endpoint."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("issuer", "0001_initial")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="client",
            name="endpoint",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="composition.endpoint",
            ),
        ),
    ]
