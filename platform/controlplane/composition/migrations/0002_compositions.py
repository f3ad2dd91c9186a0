from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns of tables whose row-level security is forced since they exist."""

    dependencies: ClassVar = [
        ("composition", "0001_initial"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="endpoint",
            name="composition",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="draft",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="draft_number",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="endpointversion",
            name="composition",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="endpointversion",
            name="cause",
            field=models.CharField(
                choices=[("published", "Published"), ("member", "Member"), ("rolled_back", "Rolled Back")],
                default="member",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="endpointversion",
            name="note",
            field=models.CharField(blank=True, max_length=500),
        ),
    ]
