# Sourced by scripts/storm and scripts/figures, in the root of the sources: takes --preset NAME off the arguments, builds what
# a storm runs, and leaves in `programs` where that is.
preset=dev
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset needs a name}
  shift 2
fi
scripts/packages build test
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >&2
cmake --build --preset "$preset" --target conduitd conduitctl conduit-check test_plugins >&2
programs=(--binaries "$PWD/build/$preset/bin" --plugins "$PWD/build/$preset/tests/plugins")
