-- One PostgreSQL holds the tables of all services; the database `prefect` is made by the image itself.
CREATE DATABASE mlflow;
CREATE DATABASE marquez;
