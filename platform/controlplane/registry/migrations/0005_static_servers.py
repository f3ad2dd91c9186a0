from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("registry", "0004_openapi_servers"),
    ]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="server",
            name="kind",
            field=models.CharField(
                choices=[("python", "Python"), ("remote", "Remote"), ("openapi", "Openapi"), ("static", "Static")],
                default="python",
                max_length=16,
            ),
        ),
    ]
