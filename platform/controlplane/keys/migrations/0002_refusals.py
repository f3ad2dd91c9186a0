"""When a key was last tried in vain."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keys", "0001_initial")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="apikey", name="last_refused_at", field=models.DateTimeField(blank=True, null=True)
        ),
    ]
