#!/usr/bin/perl
# A worker in Perl: mode `process`, core modules only (docs/WORKER_PROTOCOL.md).
use strict;
use warnings;
use Fcntl;
use JSON::PP;
use Socket qw(MSG_DONTWAIT);
use Time::HiRes qw(sleep time);

my %types = (    # a job type, and what it does with parameters and item
    'perl.eval' => sub { my ($p, $item) = @_; my $v = eval $p->{code}; die $@ if $@; $v },
    'check.echo'  => sub { $_[0] },
    'check.fail'  => sub { die "$_[0]{text}\n" },
    'check.print' => sub { print "$_[0]{text}\n"; undef },
    'check.sleep' => sub {
        for (my $end = time + $_[0]{seconds}; (my $left = $end - time) > 0;) { sleep $left }
        undef;
    },
);
my $frames = JSON::PP->new->utf8;
my $values = JSON::PP->new->allow_nonref;
open my $channel, '+<&=', $ENV{REMUDA_WORKER_FD} or die "channel: $!";
open my $cell, '+<&=', $ENV{REMUDA_WORKER_CELL_FD} or die "cell: $!";
fcntl $_, F_SETFD, FD_CLOEXEC for $channel, $cell;
my ($received, @messages, @tasks, $running, $draining) = ('');

sub put {    # one frame
    my $body = $frames->encode({@_});
    for (my $rest = pack('N', length $body) . $body; length $rest;) {
        my $sent = syswrite $channel, $rest;
        if (defined $sent) { substr($rest, 0, $sent, '') } elsif (!$!{EINTR}) { exit 0 }
    }
}

sub take {    # what has arrived, as messages
    if (!defined recv $channel, my $data, 1 << 16, $_[0]) { return }    # a signal, or nothing
    else { length $data or exit 0; $received .= $data }
    while (length $received >= 4 && length $received >= 4 + (my $size = unpack 'N', $received)) {
        push @messages, $frames->decode(substr $received, 4, $size);
        substr $received, 0, 4 + $size, '';
    }
}

sub current {    # says what runs; whether it may
    my $id = shift;    # its own: comparing would make the caller's a number
    sysseek $cell, 0, 0; syswrite $cell, pack 'Q', $id;
    sysread $cell, my $revoked, 16;
    my ($first, $end) = unpack 'QQ', $revoked;
    return $id < $first || $id >= $end;
}

$SIG{TERM} = sub {    # while a task runs nobody else looks at the channel
    return if !defined $running;
    take(MSG_DONTWAIT);
    for (grep { $_->{type} eq 'cancel' && $_->{id} eq $running } @messages) { $running = undef; die "stopped\n" }
};

sub run {
    my ($kind, $id, $parameters, $item) = @_;
    return put(type => 'results', results => [{id => $id, ending => 'returned'}]) if !current($id);
    my ($value, $error, $printed) = (undef, '', '');
    open my $out, '>:utf8', \$printed;
    my $stdout = select $out;
    eval {    # the outer one, for a cancel that comes when the task has just failed
        eval { $running = $id; $value = ($types{$kind} or die "no type $kind\n")->($parameters, $item); 1 } or $error = $@;
        $running = undef if $error ne "stopped\n";
    };
    my $stopped = $error eq "stopped\n" || $@ eq "stopped\n";
    $running = undef;
    select $stdout;
    close $out;
    utf8::decode($printed);
    put(type => 'log', id => $id, stream => 'stdout', bytes => length $printed, text => $printed) if length $printed;
    my %end = $stopped ? (ending => 'cancelled') : length $error ? (ending => 'error', error => $error)
      : (ending => 'succeeded', output => $values->encode($value));
    put(type => 'results', results => [{id => $id, %end}]);
}

put(type => 'hello', protocol => 2, language => "perl $]", pid => $$ + 0, modes => ['process'],
    job_types => [keys %types]);
for (;;) {
    while (my $m = shift @messages) {
        my $kind = $m->{type};
        put(type => 'ready', credits => 64) if $kind eq 'welcome';
        put(type => 'pong', number => $m->{number}) if $kind eq 'ping';
        $draining = 1 if $kind eq 'drain';
        next if $kind ne 'tasks';
        my $span = $m->{range};
        my @each = $span ? map { {id => "" . ($span->{id} + $_)} } 0 .. $span->{count} - 1 : @{$m->{tasks}};
        push @tasks, map { [$m->{job_type}, $_->{id}, $_->{parameters} // $m->{parameters}, $_->{item}] } @each;
    }
    if (my $task = shift @tasks) { run(@$task); next }
    current(0);
    exit 0 if $draining;
    take(0);
}
