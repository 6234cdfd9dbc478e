// A data race on purpose. ./test runs this under tsan and fails unless tsan
// reports it, so that a suppression that hides too much is noticed.

#include <cstdio>
#include <thread>

namespace {

int shared = 0;

void CountUp() {
  for (int i = 0; i < 100'000; ++i) ++shared;
}

}  // namespace

int main() {
  std::thread one(CountUp);
  std::thread other(CountUp);
  one.join();
  other.join();
  std::printf("%d\n", shared);
}
