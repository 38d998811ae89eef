#!/bin/bash
# Prepares Airflow (database, login, the pools that erasers.yaml asks for) and runs all of it in this container.
set -euo pipefail

export AIRFLOW__API__PORT="${AIRFLOW_PORT}"
export AIRFLOW__API__BASE_URL="http://127.0.0.1:${AIRFLOW_PORT}"
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:${AIRFLOW_PORT}/execution/"

umask 077
python -c 'import json, os; print(json.dumps({"admin": os.environ["AIRFLOW_PASSWORD"]}))' > /opt/airflow/passwords.json
airflow db migrate
python /opt/expunge/airflow/setup_pools.py --print > /tmp/pools.json
airflow pools import /tmp/pools.json

# The scheduler and the triggerer would serve their logs on all of the host's network interfaces; the API server reads the files.
mkdir -p /tmp/bin
cat > /tmp/bin/airflow <<SCRIPT
#!/bin/sh
case "\$1" in
  scheduler | triggerer) exec '$(command -v airflow)' "\$@" --skip-serve-logs ;;
  *) exec '$(command -v airflow)' "\$@" ;;
esac
SCRIPT
chmod 755 /tmp/bin/airflow
PATH="/tmp/bin:${PATH}" exec airflow standalone
