"""A resolved program -> its plan: templates shared, loops rolled, references in Argo's terms."""
