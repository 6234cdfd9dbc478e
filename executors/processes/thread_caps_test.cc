#include "executors/processes/thread_caps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace remuda {
namespace {

using testing::Contains;
using testing::Not;

TEST(ThreadCapsTest, EveryLibraryIsToldTheSameNumber) {
  std::vector<std::string> environment = {"PATH=/bin"};
  AddThreadCaps(3, &environment);
  EXPECT_EQ(environment.front(), "PATH=/bin");
  for (const char* entry :
       {"REMUDA_CPUS=3", "OMP_NUM_THREADS=3", "OPENBLAS_NUM_THREADS=3",
        "MKL_NUM_THREADS=3", "NUMEXPR_NUM_THREADS=3", "NUMEXPR_MAX_THREADS=3",
        "VECLIB_MAXIMUM_THREADS=3", "VIPS_CONCURRENCY=3", "RAYON_NUM_THREADS=3",
        "GOMAXPROCS=3"}) {
    EXPECT_THAT(environment, Contains(entry));
  }
}

TEST(ThreadCapsTest, WhatTheJobSetsItselfStays) {
  std::vector<std::string> environment = {"OMP_NUM_THREADS=8",
                                          "OMP_NUM_THREADS_OF_MINE=1"};
  AddThreadCaps(1, &environment);
  EXPECT_THAT(environment, Contains("OMP_NUM_THREADS=8"));
  EXPECT_THAT(environment, Not(Contains("OMP_NUM_THREADS=1")));
  EXPECT_THAT(environment, Contains("MKL_NUM_THREADS=1"));
}

}  // namespace
}  // namespace remuda
