# Airflow with the DAGs and erasers: docker build -f deploy/images/airflow.Dockerfile -t expunge-airflow .
# For every component of an Airflow 3 (scheduler, DAG processor, workers). Runs as Airflow's own user; on a read-only file
# system /tmp and /opt/airflow must be writable volumes. Give DRIVERS the fsspec driver of your object store.

FROM apache/airflow:slim-3.3.2 AS dependencies
ARG DRIVERS=""
COPY airflow/requirements.txt /tmp/requirements.txt
# Airflow itself is named so that nothing moves it to another version.
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" -r /tmp/requirements.txt ${DRIVERS}

FROM apache/airflow:slim-3.3.2
COPY --from=dependencies --chown=airflow:0 /home/airflow/.local /home/airflow/.local
COPY airflow/dags /opt/expunge/airflow/dags
COPY airflow/expunge_erasers /opt/expunge/airflow/expunge_erasers
COPY airflow/setup_pools.py /opt/expunge/airflow/setup_pools.py
ENV AIRFLOW__CORE__DAGS_FOLDER=/opt/expunge/airflow/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    PYTHONPATH=/opt/expunge/airflow \
    PYTHONDONTWRITEBYTECODE=1
USER 50000:0
