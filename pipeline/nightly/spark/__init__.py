"""`gongdan score` inside Spark, for years of history on many machines."""

from pipeline.nightly.spark.score import score_parquet, score_table

__all__ = ["score_parquet", "score_table"]
