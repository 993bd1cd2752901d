"""Parts of the wrapper for folders: each is one blob, a tar beside the folder, packed and unpacked by the task itself.

Written for the node's `sh` under the wrapper's rules: one line, without a single quote or a backslash. The folders are
words behind the script: `in/NAME/` and `files/NAME/` are unpacked before the command, `out/NAME/` are packed after it,
and `in/NAME.tar` is a pack that is unpacked where it lies. The names have only letters, digits, `_`, `.`, `-` and `/`;
what is in the folders may be called anything.
"""

from __future__ import annotations

PACK_SUFFIX = ".tar"
LIST_SUFFIX = ".list"


def one_line(script: str) -> str:
    """*script* as it stands in a task's line."""
    return " ".join(script.split())


NEEDS_TAR = one_line(
    """
command -v tar >/dev/null || { echo "batchspec: folders need tar, and there is none here" >&2; exit 1; };
"""
)

# The pack goes when all of it is unpacked: a retry finds either the pack or the whole folder.
# r where it is unpacked: a folder of its own, which is made anew, or the one that it lies in, with what is there.
UNPACK = one_line(
    f"""
for o; do
  r=${{o%/}}; f=$r{PACK_SUFFIX};
  case $o in in/*/|files/*/) ;; in/*{PACK_SUFFIX}|files/*{PACK_SUFFIX}) f=$o; r=${{o%/*}};; *) continue;; esac;
  [ -f $f ] || continue;
  [ $f = $o ] || rm -rf $r 2>/dev/null || {{ chmod -R u+rwx $r; rm -rf $r; }} || exit 1;
  mkdir -p $r && tar -xmof $f -C $r && rm $f || {{ echo "batchspec: $f could not be unpacked" >&2; exit 1; }};
done;
"""
)

# GNU's tar makes equal packs of equal folders; any other one makes packs that hold the same. Links are followed (-h):
# w walks through the folder first, and meets each link before tar does. A circle of links ends by itself, as the
# kernel follows 40 of them. Without rights, busybox could not unpack a folder that is read-only.
# o folder, r where it really is, f file, d where a link leads, k number of files, g tar's options, e ends it all,
# q finds files.
_WALK = """
e() {{ echo "batchspec: $f $1" >&2; exit {failed}; }};
w() {{
  for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -L "$f" ]; then
      d=$(readlink -f "$f");
      case $d/ in "$r"/*) ;; *) e "is a link that leads out of $o/";; esac;
      case $(cd "./${{f%/*}}" && pwd -P)/ in "$d"/*) e "is a link to a folder that it lies in";; esac;
    fi;
    if [ -d "$f" ]; then [ -w "$f" ] || chmod u+w "$f"; w "$f";
    elif [ -f "$f" ]; then case $f in */.*) ;; *) k=$((k+1));; esac;
    elif [ -L "$f" ]; then e "is a link that leads nowhere";
    elif [ -e "$f" ]; then e "is neither a file nor a folder"; fi;
  done;
}};
g="--sort=name --format=gnu --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rwX";
tar $g --version >/dev/null 2>&1 || g=;
for o; do
  case $o in out/*/) [ -d $o ] || continue;; *) continue;; esac;
  o=${{o%/}}; r=$(cd ./$o && pwd -P); k=0;
  w $o; f=$o/;
  tar $g -chf $o{pack} -C $o . || e "could not be packed";
  {more}
done;
"""

# Batch's patterns take no name with a part that begins with a dot, so none of these is listed. A line is an MD5 and
# `./NAME` (behind a backslash where md5sum has escaped it): of two tries that make files of the same names, each is
# known by what it made.
_LIST = """
q() {{ (cd ./$o && find -L . -type f ! -path "*/.*" $*); }};
[ $(q | wc -l) = $k ] || e "has a file whose name has a line break";
q -exec md5sum {{}} + | LC_ALL=C sort -k 2 >$o{list};
"""


def pack(failed: int, *, listed: bool) -> str:
    """What packs the folder outputs that are there, or ends with the exit code *failed*.

    Where they are *listed*, it writes the names of their files, too, with what is in them.
    """
    more = _LIST.format(list=LIST_SUFFIX) if listed else ""
    return one_line(_WALK.format(failed=failed, pack=PACK_SUFFIX, more=more))
