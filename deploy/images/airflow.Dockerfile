# Airflow with the DAGs and erasers: docker build -f deploy/images/airflow.Dockerfile -t expunge-airflow .
# For every component of an Airflow 3 (scheduler, DAG processor, workers). Runs as Airflow's own user; on a read-only file
# system /tmp and /opt/airflow must be writable volumes. Give DRIVERS the fsspec driver of your object store.
FROM apache/airflow:slim-3.3.2
ARG DRIVERS=""
COPY airflow/requirements.txt /opt/expunge/airflow/requirements.txt
# Only wheels, so no compiler is left behind; Airflow itself is named so that nothing moves it to another version.
RUN pip install --no-cache-dir --only-binary :all: "apache-airflow==${AIRFLOW_VERSION}" -r /opt/expunge/airflow/requirements.txt ${DRIVERS}
COPY airflow/dags /opt/expunge/airflow/dags
COPY airflow/expunge_erasers /opt/expunge/airflow/expunge_erasers
COPY airflow/setup_pools.py /opt/expunge/airflow/setup_pools.py
ENV AIRFLOW__CORE__DAGS_FOLDER=/opt/expunge/airflow/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    PYTHONPATH=/opt/expunge/airflow \
    PYTHONDONTWRITEBYTECODE=1
USER 50000:0
