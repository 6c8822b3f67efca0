"""Types of tables: frames and series of pandas, frames of polars, structured arrays, and their columns."""
