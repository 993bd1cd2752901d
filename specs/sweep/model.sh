set -eu
# Stands for a model: beta, gamma, seed, and where to write the result.
echo "$1;$2;$3" > "$4"
