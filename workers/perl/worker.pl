#!/usr/bin/perl
# A whole worker in Perl: mode `process`, core modules only (docs/WORKER_PROTOCOL.md).
use strict; use warnings;
use IO::Select;
use JSON::PP;

my %types = (    # a job type, and what it does with parameters and item
    'perl.eval' => sub { my ($p, $item) = @_; my $v = eval $p->{code}; die $@ if $@; $v },
    'check.echo'  => sub { $_[0] },
    'check.fail'  => sub { die "$_[0]{text}\n" },
    'check.print' => sub { print "$_[0]{text}\n"; undef },
    'check.sleep' => sub { my ($ready, $left) = (0, $_[0]{seconds});
        ($ready, $left) = select undef, undef, undef, $left while $left > 0; undef },
);
my ($frames, $values) = (JSON::PP->new->utf8, JSON::PP->new->allow_nonref);
open my $channel, '+<&=', $ENV{REMUDA_WORKER_FD} or die "channel: $!";
open my $cell, '+<&=', $ENV{REMUDA_WORKER_CELL_FD} or die "cell: $!";
$channel->autoflush;
my ($draining, @tasks); our $running = '';    # the id of the task that a cancel may stop

sub put { print $channel pack 'N/a*', $frames->encode({@_}) }    # sends a message
sub bytes {    # takes so many of the channel; its end is the worker's
    my ($count, $got) = (shift, '');
    (sysread($channel, $got, $count - length $got, length $got) // $!{EINTR}) or exit
      while length $got < $count;
    return $got;
}
sub hear {    # takes a message
    my $message = $frames->decode(bytes(unpack 'N', bytes(4)));
    my ($type, $range) = @$message{'type', 'range'};
    if ($type eq 'welcome') { put(type => 'ready', credits => 64) }
    if ($type eq 'ping') { put(type => 'pong', number => $message->{number}) }
    if ($type eq 'drain') { $draining = 1 }
    if ($type eq 'cancel' && $message->{id} eq $running) { die "stopped\n" }
    push @tasks, {%$message, %$_} for @{$message->{tasks} // []};
    push @tasks, {%$message, id => $range->{id} + $_} for 0 .. ($range->{count} // 0) - 1;
}
sub current {    # writes into the cell what runs; false if that was taken back
    sysseek $cell, 0, 0; syswrite $cell, pack 'Q', $_[0]; sysread $cell, my $revoked, 16;
    my ($first, $end) = unpack 'QQ', $revoked;
    return $_[0] < $first || $_[0] >= $end;
}
sub run {    # a task, and says how it ended
    my ($id, $type, @arguments) = @{$_[0]}{'id', 'job_type', 'parameters', 'item'};
    current($id) or return (ending => 'returned');
    open my $out, '>:utf8', \my $printed; my $stdout = select $out;
    my $output = eval { local $running = $id; $values->encode(scalar $types{$type}->(@arguments)) };
    select $stdout; close $out; utf8::decode($printed //= '');
    put(type => 'log', id => "$id", stream => 'stdout', text => $printed) if length $printed;
    return (ending => 'succeeded', output => $output) if defined $output;
    return $@ eq "stopped\n" ? (ending => 'cancelled') : (ending => 'error', error => "$@");
}
$SIG{TERM} = sub { hear() while $running && IO::Select->new($channel)->can_read(0) };
put(type => 'hello', protocol => 2, language => "perl $]", pid => $$, job_types => [keys %types]);
while (1) {
    while (my $task = shift @tasks) {
        put(type => 'results', results => [{id => "$task->{id}", run($task)}]);
    }
    current(0); exit if $draining; hear();
}
