"""Built-in schemas, the data-set catalogue and training configurations, as YAML files."""
