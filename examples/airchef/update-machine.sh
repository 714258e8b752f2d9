#!/bin/sh
# Brings a version of a service to a machine. Here it only says so; yours copies and restarts, over ssh for example.
set -eu
machine=$1 service=$2 version=$3
echo "$machine: unpacking $service $version"
echo "$machine: migrating"
echo "$machine: restarted"
