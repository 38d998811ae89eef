"""Erasers: what Airflow, and the simulator in its place, run to erase a user, a service of a tenant, or a tenant."""
