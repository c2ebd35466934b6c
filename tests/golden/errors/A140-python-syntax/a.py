dag = Dag(
