// Package kql is the syntax of the Kusto Query Language: a lexer, a syntax tree
// whose nodes know where they stand in the text, a recursive-descent parser with
// precedence climbing for expressions, and a printer.
//
// What always holds: parsing what Print wrote gives the same tree again (spans
// apart), every error is an *Error with the position of the token that is at
// fault, and nothing here knows tables, functions or types: those are the
// binder's (package plan).
package kql
