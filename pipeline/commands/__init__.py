"""Commands of the `gongdan` program, by subject; `pipeline.cli` puts them together."""
