; grammar: tree_sitter_python.language
(decorated_definition definition: (function_definition name: (identifier) @name)) @function
(decorated_definition definition: (class_definition name: (identifier) @name)) @class
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(module
  (if_statement condition: (comparison_operator) @main (#match? @main "__name__.*__main__|__main__.*__name__")) @script)
