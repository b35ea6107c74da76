# Prints the newest Python on PATH that is at least 3.11, or nothing. A name on PATH need not work: it is run.
for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
  path=$(command -v "$name" 2>/dev/null) || continue
  if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    echo "$path"
    exit 0
  fi
done
