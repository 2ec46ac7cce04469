#!/bin/sh
#
# certificates.sh - makes certificates for a Compose server and its clients, and keeps them young.
#
#   certificates.sh DIRECTORY USER AGENCY...
#
# DIRECTORY/authority is the authority of `lottery-admin pki`, and belongs to DIRECTORY's owner.
# DIRECTORY/server and DIRECTORY/clientN are what each container has mounted: keys are readable to
# USER alone, who is the containers' user. The folders belong to DIRECTORY's owner, who can remove
# all of it. A certificate that is there stays until it is old.
#
# scripts/tls.sh runs it in a container of the server's image, as root, because nobody else may give
# a file to another user. If it dies, the next call goes on.
set -eu
umask 077

readonly renewal_days=300 # of the 398 that a certificate is valid
directory=$1 user=$2
shift 2
authority=$directory/authority
owner=$(stat -c %u "$directory")
group=$(stat -c %g "$directory")

pki() {
    setpriv --reuid="$owner" lottery-admin pki "$@" --directory "$authority"
}

# needs NAME: there is no such pair, or it is old.
needs() {
    [ ! -e "$authority/$1.key" ] ||
        [ -z "$(find "$authority" -name "$1.pem" -mtime "-$renewal_days")" ]
}

# hand_out PAIR FOLDER NAME: the pair, and what it is checked by, for one container.
hand_out() {
    install -d -m 755 -o "$owner" -g "$group" "$directory/$2"
    install -m 600 -o "$user" "$authority/$1.key" "$directory/$2/$3.key"
    install -m 644 -o "$user" "$authority/$1.pem" "$directory/$2/$3.pem"
    install -m 644 -o "$user" "$authority/ca.pem" "$directory/$2/ca.pem"
}

[ -e "$authority/ca.pem" ] || pki init server localhost 127.0.0.1 ::1
! needs server || pki server server localhost 127.0.0.1 ::1
hand_out server server server
install -m 644 -o "$user" "$authority/crl.pem" "$directory/server/crl.pem"
for agency; do
    ! needs "agency-$agency" || pki agency "$agency"
    hand_out "agency-$agency" "client$agency" agency
done
