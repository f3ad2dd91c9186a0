"""Tasks, what they hold under seal, and the one function that finds those of all tenants that nobody works on."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [("tenants", "0004_policies_and_erasure")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Task",
            fields=[
                ("sealed", models.BinaryField()),
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("owner", models.CharField(max_length=64)),
                ("subject", models.CharField(max_length=255)),
                ("endpoint_id", models.CharField(max_length=30)),
                ("endpoint", models.CharField(max_length=50)),
                ("version", models.PositiveIntegerField()),
                ("method", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=2048)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("retry_of", models.CharField(blank=True, max_length=30)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("waiting", "Waiting"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("asking", models.BooleanField(default=False)),
                ("status_message", models.CharField(blank=True, max_length=1000)),
                ("progress", models.FloatField(null=True)),
                ("total", models.FloatField(null=True)),
                ("progress_token", models.JSONField(null=True)),
                ("tool_error", models.BooleanField(default=False)),
                ("retry", models.BooleanField(default=False)),
                ("crashes", models.PositiveSmallIntegerField(default=0)),
                ("quarantined", models.BooleanField(default=False)),
                ("token", models.PositiveIntegerField(default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                ("queued_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("poll_ms", models.PositiveIntegerField()),
                ("ttl_ms", models.PositiveBigIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="TaskPart",
            fields=[
                ("sealed", models.BinaryField()),
                ("id", models.CharField(max_length=30, primary_key=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("dialogue", "Dialogue"), ("result", "Result"), ("error", "Error"), ("log", "Log")],
                        max_length=16,
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="tasks.task"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["tenant", "-id"], name="tasks_task_newest"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["tenant", "owner", "endpoint_id", "-id"], name="tasks_task_of_owner"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running", "waiting"])),
                fields=["queued_at"],
                name="tasks_task_unfinished",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["tenant", "expires_at"], name="tasks_task_by_age"),
        ),
        migrations.AddConstraint(
            model_name="taskpart",
            constraint=models.UniqueConstraint(fields=("task", "kind"), name="tasks_taskpart_once"),
        ),
        rls.force_row_security("tasks_task"),
        rls.force_row_security("tasks_taskpart"),
        rls.let_owner_look_up("tasks_task"),
        # The oldest of each tenant before the second oldest of any: a flood of one delays nobody else.
        rls.lookup_function(
            "tasks_due()",
            returns="TABLE (tenant_id text, task_id text)",
            body="""
                SELECT due.tenant_id::text, due.id::text FROM (
                    SELECT t.tenant_id, t.id,
                        row_number() OVER (PARTITION BY t.tenant_id ORDER BY t.queued_at) AS place
                    FROM public.tasks_task t
                    WHERE t.state IN ('queued', 'running') AND t.expires_at > now()
                        AND (t.state = 'queued' OR t.leased_until < now())
                ) due WHERE due.place <= 100 ORDER BY due.place LIMIT 1000
            """,
        ),
    ]
