"""Exits 0 when Airflow's own health check says that the parts a DAG run needs are healthy."""

import json
import os
import sys
import urllib.request

NEEDED = ("metadatabase", "scheduler", "dag_processor")

with urllib.request.urlopen(f"http://127.0.0.1:{os.environ['AIRFLOW_PORT']}/api/v2/monitor/health", timeout=8) as response:
    health = json.load(response)
sys.exit(0 if all(health[part]["status"] == "healthy" for part in NEEDED) else 1)
