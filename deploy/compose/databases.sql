-- The application whose data the local erasers erase; the ledger's own database is made by the image.
CREATE DATABASE app;
