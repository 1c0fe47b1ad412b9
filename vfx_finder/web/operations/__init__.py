"""Pages for operators: where every study is, what was not analysed and why, and whether the parts are alive."""
