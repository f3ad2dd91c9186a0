"""Keys of persons, and keys that are limited to parts of endpoints and to networks."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keys", "0002_refusals")]

    operations: ClassVar = [
        migrations.AddField("apikey", "owner", models.CharField(blank=True, default="", max_length=30)),
        migrations.AddField("apikey", "only", models.JSONField(blank=True, default=list)),
        migrations.AddField("apikey", "networks", models.JSONField(blank=True, default=list)),
        migrations.AddIndex("apikey", models.Index(fields=["tenant", "owner"], name="keys_apikey_by_owner")),
    ]
