"""Rule packs: loading, the expression language, evaluation to four verdicts."""
