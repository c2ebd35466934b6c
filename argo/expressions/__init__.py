"""Argo's languages inside of texts: `{{…}}` templates, expr-lang, `when`, `depends`, withSequence."""
