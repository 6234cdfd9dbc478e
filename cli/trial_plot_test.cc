#include "cli/trial_plot.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remuda {
namespace {

std::vector<TrialRow> Rows() {
  TrialRow threads = {.executor = ExecutorKind::kThreadPool, .succeeded = 200};
  threads.per_second = 10;
  threads.cores_used = 1;
  TrialRow processes = {.executor = ExecutorKind::kProcessPool,
                        .succeeded = 200};
  processes.per_second = 15;
  processes.predicted = Interval{1.6, 1.9, 2.1};
  return {threads, processes};
}

TEST(TrialPlot, BarsAreInProportionAndThePredictionIsBesideThem) {
  const std::string svg = TrialSvg("clean", Rows());
  // 21 a second, the high end of what was predicted, is all of the width.
  EXPECT_NE(svg.find("width=\"200.0\""), std::string::npos) << svg;  // 10
  EXPECT_NE(svg.find("width=\"300.0\""), std::string::npos) << svg;  // 15
  EXPECT_NE(svg.find("cx=\"510.0\""), std::string::npos) << svg;     // 19
  EXPECT_NE(svg.find("x1=\"450.0\""), std::string::npos) << svg;     // 16
  EXPECT_NE(svg.find("x2=\"550.0\""), std::string::npos) << svg;     // 21
  EXPECT_NE(svg.find("clean: 200 tasks on each executor"), std::string::npos);
}

TEST(TrialPlot, WhatIsNotKnownIsSaid) {
  const std::string svg = TrialSvg("clean", Rows());
  EXPECT_NE(svg.find("not known"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(TrialPlot, ANameIsNoMarkup) {
  EXPECT_NE(TrialSvg("<a&b>", Rows()).find("&lt;a&amp;b&gt;: "),
            std::string::npos);
}

}  // namespace
}  // namespace remuda
