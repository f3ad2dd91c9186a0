from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column of a table whose row-level security is forced since it exists."""

    dependencies: ClassVar = [
        ("registry", "0003_remote_servers"),
    ]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="server",
            name="kind",
            field=models.CharField(
                choices=[("python", "Python"), ("remote", "Remote"), ("openapi", "Openapi")],
                default="python",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="serving",
            field=models.TextField(blank=True, null=True),
        ),
    ]
