"""The catalog's SQL: `migrations/NNNN_what.sql` make its tables, `queries/<topic>/<verb_object>.sql` ask it.

A package only so that the files ship with Tailor; `tailor_core.catalog` loads them. One statement a query
file, which opens with what it answers, its `$named` parameters and the columns that it returns.
"""
