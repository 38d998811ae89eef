"""Airflow in small: the erasers behind Airflow 3's REST paths, with its caps, for demos, tests and benches."""
