; Every statement and comment that stands directly in a block: where a long body may be cut.
(module (_) @statement)
(block (_) @statement)
