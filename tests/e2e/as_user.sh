#!/bin/sh
# As root: `as_user.sh UID HOME INTERPRETER COMMAND…` runs a command as a user without sudo or groups. Where the interpreter
# lies in a directory that only root may enter, he sees that directory in a mount namespace, with nothing else in it.
set -eu
user=$1 home=$2 python=$3
shift 3
# setpriv itself may still enter every directory; what it runs may not
if setpriv --reuid "$user" --regid "$user" --clear-groups env "$python" -c '' 2>/dev/null; then
    exec setpriv --reuid "$user" --regid "$user" --clear-groups env HOME="$home" PATH=/usr/local/bin:/usr/bin:/bin "$@"
fi
exec unshare --mount sh -c '
    user=$1 home=$2 python=$(readlink -f "$3") closed=/$(readlink -f "$3" | cut -d/ -f2)
    folder=${python%/bin/*}
    shift 3
    mount --make-rprivate /
    mkdir -p "$home/.python"
    mount --bind "$folder" "$home/.python"
    mount -t tmpfs -o mode=0755 tmpfs "$closed"
    mkdir -p "$folder"
    mount --bind "$home/.python" "$folder"
    umount "$home/.python"
    exec setpriv --reuid "$user" --regid "$user" --clear-groups env HOME="$home" PATH=/usr/local/bin:/usr/bin:/bin "$@"
' sh "$user" "$home" "$python" "$@"
