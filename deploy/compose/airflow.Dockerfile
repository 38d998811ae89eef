# A real Airflow for development: one container, SQLite, this project's DAGs. Built by docker-compose.temporal.yml.
FROM apache/airflow:3.3.2

COPY airflow/requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" apache-airflow-providers-apache-kafka -r /tmp/requirements.txt

COPY --chmod=755 deploy/compose/airflow-start.sh /opt/expunge/start.sh
COPY deploy/compose/airflow-healthy.py /opt/expunge/healthy.py

ENV AIRFLOW__CORE__DAGS_FOLDER=/opt/expunge/airflow/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=admin:admin \
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=/opt/airflow/passwords.json \
    AIRFLOW__API__HOST=127.0.0.1 \
    AIRFLOW__API__WORKERS=1 \
    AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=5 \
    PYTHONPATH=/opt/expunge/airflow

ENTRYPOINT ["/usr/bin/dumb-init", "--", "/opt/expunge/start.sh"]
