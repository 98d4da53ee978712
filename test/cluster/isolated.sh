#!/bin/sh
# isolated.sh FOLDER COMMAND...: runs a command in network, mount and process namespaces of its own, without a way out. When this script ends or is
# killed, every process in them ends, and with them the mounts, links and addresses. FOLDER takes what must look like a file of the machine.
folder=$1
shift
# The kubelet writes kernel settings that no namespace holds: it finds them as it wants them, in files of ours.
inside='
  ip link set lo up
  mount -t tmpfs tmpfs /run
  for place in /var/lib/kubelet /var/lib/cni /var/log; do [ -d "$place" ] && mount -t tmpfs tmpfs "$place"; done
  mkdir -p /run/netns /var/log/containers /var/log/pods
  for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file="$0/$(echo "${setting%=*}" | tr / .)"
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
  done
  "$@"
  exit $?
'
exec setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private -- sh -c "$inside" "$folder" "$@"
