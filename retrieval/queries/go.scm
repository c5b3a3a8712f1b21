; grammar: tree_sitter_go.language
(function_declaration name: (identifier) @name) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @owner
    (pointer_type (type_identifier) @owner)
    (pointer_type (generic_type type: (type_identifier) @owner))
    (generic_type type: (type_identifier) @owner)]))
  name: (field_identifier) @name) @function
(type_declaration (type_spec name: (type_identifier) @name)) @class
