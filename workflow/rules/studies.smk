# Studies of the scenario table: settings -> members in chunks, by TG-43, by Monte Carlo, for Sobol' indices and with
# alternatives -> their union -> report.
# A member gives the same numbers in whatever chunk it runs.


rule study_settings:
    input:
        case="results/{case}/case.h5",
    output:
        "results/{case}/studies/{study}/settings.json",
    log:
        "results/{case}/logs/study_{study}_settings.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(2000),
        runtime=10,
    params:
        kind=lambda wildcards: study_row(wildcards)["kind"],
        options=study_options,
        seeds=config["seeds"],
        media=config["media"],
        voxel=config["voxel_mm"],
        random_seed=int(config["random_seed"]),
    shell:
        "seedmc study settings {params.kind} {input.case:q} --out {output:q}"
        " --seeds {params.seeds} --media {params.media} --voxel {params.voxel}"
        " --random-seed {params.random_seed} {params.options:q} > {log:q} 2>&1"


rule study_members:
    input:
        case="results/{case}/case.h5",
        settings="results/{case}/studies/{study}/settings.json",
        kernels=ancient("results/kernels/monte_carlo.h5"),
    output:
        "results/{case}/studies/{study}/{engine}/members_{first}_{end}.h5",
    log:
        "results/{case}/logs/study_{study}_{engine}_{first}_{end}.log",
    benchmark:
        "results/{case}/benchmarks/study_{study}_{engine}_{first}_{end}.tsv"
    wildcard_constraints:
        engine="tg43|monte_carlo|sobol|alternatives",
    conda:
        "../../environment.yml"
    threads: int(config["threads"])
    resources:
        mem_mb=doubled(4000),
        runtime=doubled(config["study_minutes"]),
    shell:
        "seedmc study members {input.case:q} {input.settings:q} --engine {wildcards.engine}"
        " --members {wildcards.first}:{wildcards.end} --out {output:q} --threads {threads} --quiet > {log:q} 2>&1"


rule study_merge:
    input:
        study_parts,
    output:
        "results/{case}/studies/{study}/study.h5",
    log:
        "results/{case}/logs/study_{study}_merge.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(4000),
        runtime=10,
    shell:
        "seedmc study merge {input:q} --out {output:q} > {log:q} 2>&1"


rule study_report:
    input:
        "results/{case}/studies/{study}/study.h5",
    output:
        report(
            "results/{case}/studies/{study}/report.html",
            caption="../report/study.rst",
            category="Studies",
            labels={"case": "{case}", "study": "{study}"},
        ),
    log:
        "results/{case}/logs/study_{study}_report.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(4000),
        runtime=20,
    shell:
        "seedmc study report {input:q} --out {output:q} > {log:q} 2>&1"
