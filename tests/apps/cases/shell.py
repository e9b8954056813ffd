# SPDX-License-Identifier: Apache-2.0
"""Shells: pipes, redirections, working directories, globs, scripts; and busybox, which is static."""
from case import Case

SH = {
    "redirect-in": "wc -l <$D/text/table.csv",
    "redirect-out": "cat $D/text/table.csv >copy; wc -c <copy",
    "redirect-read": "while read -r a b; do echo \"$b $a\"; done <$D/text/file00.txt",
    "redirect-descriptor": "exec 3<$D/text/table.csv; read -r x <&3; read -r y <&3; echo $x $y; exec 3<&-",
    "redirect-missing": "cat <$D/none; echo $?",
    "shared-offset": "(head -c 10 >/dev/null; cat) <$D/binary/tiny.bin | wc -c; (dd bs=10 count=1 status=none; cat) "
                     "<$D/text/file00.txt",
    "pipeline": "cat $D/text/table.csv | grep ,1 | cut -d, -f1 | sort -n | tail -n 5",
    "pipe-closed-early": "cat $D/binary/nine.bin | head -c 5 | wc -c",
    "substitution": "echo \"$(cat $D/text/file00.txt | wc -w) words\"",
    "cd-relative": "cd $D/text && cat file00.txt a/file01.txt ./a/../file05.txt | sha256sum",
    "cd-pwd": "cd $D/text/a && pwd && /bin/pwd && cd .. && pwd && cd b 2>/dev/null; pwd; cd - && pwd",
    "cd-pwd-physical": "cd $D/text/a/b && pwd -P && cd ../../.. && pwd -P && env pwd",
    "cd-missing": "cd $D/none || echo $?",
    "cd-file": "cd $D/text/table.csv || echo $?",
    "cd-child": "cd $D/text/a && ls && sh -c 'cd b && ls && cat file02.txt | wc -l' && ls",
    "cd-then-local": "cd $D/text && cp table.csv \"$OLDPWD/copy\" && cd \"$OLDPWD\" && wc -l copy",
    "cd-out-by-dots": "cd $D/text && cd / && ls -d usr && cd $D && ls",
    "cd-find": "cd $D && find text -type f | sort | xargs cat | sha256sum",
    "cd-tar": "cd $D && tar cf - --sort=name --mtime=@0 text | sha256sum",
    "glob": "echo $D/text/*.txt; echo $D/text/*/*.txt; echo $D/*/f*",
    "glob-relative": "cd $D/text && echo *.csv [a-z] f?le0* && for f in */; do echo $f; done",
    "glob-none": "echo $D/text/*.none",
    "glob-odd": "cd $D/odd && for f in * .[!.]*; do [ -f \"$f\" ] && cat \"./$f\"; done | sha256sum",
    "test-builtin": "for f in text text/table.csv none odd/100%; do for t in e f d r s x L; do "
                    "test -$t $D/$f && echo $f $t; done; done",
    "newer-than": "test $D/text/table.csv -nt /etc/passwd; echo $?; test $D/text/table.csv -ef $D/text/table.csv; echo $?",
    "env-i": "env -i sh -c 'cat '$D'/text/file00.txt'; env -i /usr/bin/env; env -i A=b sh -c 'echo $A; ls '$D",
    "exec": "exec cat $D/text/file00.txt",
    "background": "cat $D/binary/nine.bin >copy & cat $D/text/file00.txt >two; wait; cmp copy $L/binary/nine.bin && echo same",
    "many-at-once": "for i in 1 2 3 4 5 6 7 8; do sha256sum $D/binary/three.bin & done; wait",
    "subshell-exit": "(cat $D/text/file00.txt; exit 5); echo $?; sh -c 'kill -9 $$'; echo $?; sh -c 'kill -TERM $$'; echo $?",
    "trap": "trap 'echo bye; cat $D/text/no-newline.txt' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; cat $D/text/file00.txt",
    "here-document": "cat - $D/text/no-newline.txt <<END\nfirst $(wc -c <$D/text/no-newline.txt)\nEND",
    "script-in-bucket": "sh $D/text/script.sh one two; echo $?",
    "script-in-bucket-directly": "$D/text/script.sh; echo $?",
    "script-sourced": ". $D/text/script.sh",
    "script-on-disk": "printf '#!/bin/sh\\ncat \"$1\" | wc -l\\n' >s && chmod +x s && ./s $D/text/table.csv && "
                      "env -i PATH=/bin:/usr/bin ./s $D/text/table.csv; rm s",
    "script-python": "printf '#!/usr/bin/env python3\\nimport sys\\nprint(len(open(sys.argv[1]).read()))\\n' >s && "
                     "chmod +x s && ./s $D/text/table.csv; rm s",
    "script-of-script": "printf '#!/bin/sh\\nshift\\ncat \"$@\"\\n' >i && chmod +x i && printf '#!%s/i -x\\n' $PWD >s && "
                        "chmod +x s && ./s $D/text/no-newline.txt | wc -c; rm i s",
    "command-v": "command -v cat; type cat; hash cat; which cat",
    "ulimit": "ulimit -n 64; cat $D/text/file00.txt; find $D/text | wc -l",
    "umask": "umask 077; cp $D/text/table.csv copy; stat -c %a copy",
    "named-pipe": "mkfifo p; cat $D/text/table.csv >p & sha256sum <p; rm p",
    "nohup-setsid": "setsid -w cat $D/text/file00.txt; nohup cat $D/text/file05.txt 2>/dev/null",
    "proc-self": "cd $D/text; readlink /proc/self/cwd; ls -l /proc/self/exe | sed 's/.*-> //'; cat /proc/self/comm",
    "process-name": "cat <$D/text/no-newline.txt >/dev/null; ps -o comm= -p $$; ps -o args= -p $$ | cut -c1-20",
    "large-arguments": "cd $D/text && cat $(for i in $(seq 2000); do echo file00.txt; done) | sha256sum",
    "deep-nesting": "sh -c \"sh -c 'sh -c \\\"cat $D/text/file00.txt\\\"'\"",
}
BASH = {
    "process-substitution": "diff <(sort $D/text/file00.txt) <(sort $D/text/file05.txt); cat <(cat $D/text/no-newline.txt)",
    "mapfile": "mapfile -t rows <$D/text/table.csv; echo ${#rows[@]} ${rows[1999]}",
    "globstar": "shopt -s globstar nullglob; cd $D; printf '%s\\n' **/*.txt | sort | sha256sum",
    "here-string": "cat <<<\"$(<$D/text/no-newline.txt)\"",
    "coprocess": "coproc cat $D/text/no-newline.txt; cat <&${COPROC[0]} || true; wait",
    "pipefail": "set -o pipefail; cat $D/none | wc -l; echo $?; echo ${PIPESTATUS[@]}",
    "read-descriptor": "exec {fd}<$D/text/table.csv; read -u $fd a; read -N 5 -u $fd b; echo $a $b",
}
BUSYBOX = {
    "ls": "ls -la $D/text | grep -v ' \\.*$' | awk '/^-/ { print $1, $5, $NF }'",
    "cat": "cat $D/text/table.csv",
    "cat-missing": "cat $D/none",
    "find": "find $D/text -type f | sort",
    "find-exec": "find $D/text -name 'file0*' -exec /bin/busybox wc -c {} ';' | sort",
    "grep": "grep -rn 'range etag' $D/text | sort",
    "tar": "tar cf - -C $D text | /bin/busybox tar t | sort",
    "sha256sum": "sha256sum $D/binary/nine.bin",
    "md5sum": "md5sum $D/binary/block.bin",
    "wc": "wc $D/text/table.csv",
    "head": "head -n 2 $D/text/file00.txt",
    "tail": "tail -c 50 $D/binary/three.bin | od -c",
    "dd": "dd if=$D/binary/three.bin bs=1k skip=5 count=2 2>/dev/null | md5sum",
    "sort": "sort $D/text/file05.txt",
    "stat": "stat -c '%n %s %F %a' $D/text/table.csv",
    "cp": "cp -r $D/text copy",
    "diff": "diff -r $D/text $D/text; echo $?",
    "cmp": "cmp $D/binary/block.bin $D/binary/block+1.bin",
    "awk": "awk -F, '{ s += $2 } END { print s }' $D/text/table.csv",
    "sed": "sed -n 5p $D/text/table.csv",
    "ash": "sh -c 'cd '$D'/text && for f in *.txt; do wc -c <$f; done; pwd; cat a/../table.csv | tail -n 1'",
    "xargs": "ls $D/text | /bin/busybox xargs -n 3 echo",
    "env-i": "env -i /bin/busybox cat $D/text/file00.txt",
    "dynamic-child": "sh -c '/usr/bin/sha256sum '$D'/text/table.csv; /bin/busybox wc -l '$D'/text/table.csv'",
    "unzip": "unzip -l $D/binary/archive.zip | /bin/busybox tail -n 5",
    "realpath": "realpath $D/text/a/../table.csv",
}
CASES = [Case(f"sh/{name}", command) for name, command in SH.items()]
CASES += [Case(f"bash/{name}", ["bash", "-c", command]) for name, command in BASH.items()]
CASES += [Case(f"busybox/{name}", f"/bin/busybox {command}") for name, command in BUSYBOX.items()]
CASES += [Case("busybox/direct", ["/bin/busybox", "sha256sum", "{D}/binary/three.bin"])]
