package ui

// MetaIn is the policy a page carries itself.
var MetaIn = metaIn
