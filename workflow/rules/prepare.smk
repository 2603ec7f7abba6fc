# DICOM folder, case file or built-in name -> one case file.


rule prepare:
    input:
        case_files,
    output:
        "results/{case}/case.h5",
    log:
        "results/{case}/logs/prepare.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(2000),
        runtime=10,
    params:
        source=lambda wildcards: CASES[wildcards.case]["input"],
        options=case_options,
    shell:
        "seedmc case import {params.source:q} {params.options:q} --out {output:q} > {log:q} 2>&1"
