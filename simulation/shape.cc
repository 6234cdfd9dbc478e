#include "simulation/shape.h"

#include <cstdio>

#include "base/random.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Zero in half of the seeds, else up to `rate`.
double Sometimes(Random& random, double rate) {
  const double drawn = random.Unit() * rate;
  return random.Below(2) == 0 ? 0 : drawn;
}

void DrawFaults(Random& random, Shape& shape) {
  shape.loss = Sometimes(random, 0.1);
  shape.copies = Sometimes(random, 0.2);
  shape.reordered = Sometimes(random, 0.2);
  shape.replayed = Sometimes(random, 0.1);
  shape.coordinator_crash = Sometimes(random, 0.05);
  shape.coordinator_pause = Sometimes(random, 0.02);
  shape.reconnect = Sometimes(random, 0.02);
  shape.cut = Sometimes(random, 0.02);
  shape.cut_all = Sometimes(random, 0.01);
  shape.clock_jump = Sometimes(random, 0.05);
  shape.agent_crash = Sometimes(random, 0.02);
  shape.agent_drain = Sometimes(random, 0.01);
  shape.agent_pause = Sometimes(random, 0.02);
  shape.disk_full = Sometimes(random, 0.01);
  shape.fsync_error = Sometimes(random, 0.02);
  shape.slow = Sometimes(random, 0.5);
  shape.disk_lost = Sometimes(random, 1);
}

}  // namespace

Shape DrawShape(uint64_t seed) {
  Random random(seed);
  Shape shape;
  shape.agents = 1 + random.Below(5);
  shape.submissions = 1 + random.Below(4);
  constexpr uint64_t kSizes[] = {3, 40, 40, 300, 3'000};
  shape.tasks_max = kSizes[random.Below(5)];
  shape.slots_max = 1 + random.Below(shape.tasks_max > 300 ? 400 : 12);
  constexpr milliseconds kLengths[] = {milliseconds(5), milliseconds(300),
                                       milliseconds(3'000),
                                       milliseconds(30'000)};
  shape.task_max = kLengths[random.Below(4)];
  constexpr seconds kLeases[] = {seconds(4), seconds(8), seconds(30)};
  shape.lease = kLeases[random.Below(3)];
  shape.faults_last = seconds(20 + random.Below(60));
  // Drawn apart, so that what is added leaves seeds as they were.
  Random more(seed ^ 0x3053);
  shape.tight = more.Below(3) == 0;
  shape.newer_coordinator = more.Below(6) == 0;
  shape.lines = Random(seed ^ 0x11fe).Below(2) == 0;
  Random wishes(seed ^ 0x3075);
  shape.moves = Sometimes(wishes, 0.3);
  constexpr milliseconds kDelays[] = {milliseconds(1), milliseconds(40),
                                      milliseconds(800)};
  shape.delay_max = kDelays[random.Below(3)];
  shape.commit_max = kDelays[random.Below(3)];
  if (random.Below(12) == 0) return shape;  // nothing goes wrong
  DrawFaults(random, shape);
  shape.old_hello = Sometimes(more, 1);
  shape.sent_again = Sometimes(more, 1);
  shape.skew = Sometimes(more, 0.6);
  if (random.Below(6) == 0) {
    shape.only_blips = true;
    shape.lease = seconds(30);
    // Enough of these in a row are as long as a lease.
    shape.loss = shape.slow = 0;
    shape.agent_crash = shape.agent_drain = 0;
  } else {
    shape.poison = random.Below(8) == 0;
  }
  return shape;
}

std::string Describe(const Shape& shape) {
  char text[512];
  std::snprintf(
      text, sizeof(text),
      "%llu agents, %llu submissions of up to %llu tasks, lease %lld s%s; "
      "loss %.3f copies %.3f reordered %.3f replayed %.3f; coordinator: crash "
      "%.3f pause %.3f full %.3f fsync %.3f; agents: crash %.3f drain %.3f "
      "disk lost %.3f pause %.3f reconnect %.3f slow %.3f cut %.3f all %.3f "
      "clock %.3f; old hello %.3f sent again %.3f skew %.3f%s%s",
      static_cast<unsigned long long>(shape.agents),
      static_cast<unsigned long long>(shape.submissions),
      static_cast<unsigned long long>(shape.tasks_max),
      static_cast<long long>(shape.lease / seconds(1)),
      shape.only_blips ? ", only blips" : "", shape.loss, shape.copies,
      shape.reordered, shape.replayed, shape.coordinator_crash,
      shape.coordinator_pause, shape.disk_full, shape.fsync_error,
      shape.agent_crash, shape.agent_drain, shape.disk_lost, shape.agent_pause,
      shape.reconnect, shape.slow, shape.cut, shape.cut_all, shape.clock_jump,
      shape.old_hello, shape.sent_again, shape.skew,
      shape.lines ? ", lines" : "", shape.tight ? ", tight" : "");
  return text;
}

}  // namespace remuda
